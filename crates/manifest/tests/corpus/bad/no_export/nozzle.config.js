const config = { name: "x" }
