export const erc20Abi = []
