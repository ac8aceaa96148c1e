const required = (name: string): string => {
  const value = process.env[name]
  if (!value) {
    throw new Error(`set ${name} to the name of the dataset`)
  }
  return value
}

export default {
  name: required("DATASET_NAME"),
}
