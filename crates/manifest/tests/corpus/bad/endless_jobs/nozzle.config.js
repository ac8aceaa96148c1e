const again = async () => { for (;;) await null }
await again()
export default {}
