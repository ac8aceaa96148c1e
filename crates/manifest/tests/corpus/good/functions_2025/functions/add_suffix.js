function addSuffix(s) { return s + "_x" }
