for (;;) {
}
export default {}
