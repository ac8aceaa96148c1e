export default <div name="x" />
