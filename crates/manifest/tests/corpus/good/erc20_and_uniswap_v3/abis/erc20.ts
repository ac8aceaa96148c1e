export const erc20Abi = [
  {"type": "event", "anonymous": false, "name": "Transfer", "inputs": [{"indexed": true, "internalType": "address", "name": "from", "type": "address"}, {"indexed": true, "internalType": "address", "name": "to", "type": "address"}, {"indexed": false, "internalType": "uint256", "name": "value", "type": "uint256"}]},
  {"type": "event", "anonymous": false, "name": "Approval", "inputs": [{"indexed": true, "internalType": "address", "name": "owner", "type": "address"}, {"indexed": true, "internalType": "address", "name": "spender", "type": "address"}, {"indexed": false, "internalType": "uint256", "name": "value", "type": "uint256"}]},
  { "type": "function", "name": "decimals", "inputs": [], "outputs": [{ "type": "uint8" }] },
] as const
