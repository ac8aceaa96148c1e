export default async () => {
  const answer = await fetch("https://example.com/tables.json")
  return answer.json()
}
