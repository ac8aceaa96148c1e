export default "SELECT 1"
