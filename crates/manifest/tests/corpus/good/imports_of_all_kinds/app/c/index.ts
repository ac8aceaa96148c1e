export default "c"
