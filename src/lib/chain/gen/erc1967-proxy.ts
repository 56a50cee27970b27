// From ERC1967Proxy.sol by contracts/scripts/build.ts.
export const erc1967ProxyAbi = [
  {"inputs":[{"name":"implementation","type":"address"},{"name":"_data","type":"bytes"}],"stateMutability":"payable","type":"constructor"},
  {"inputs":[{"name":"target","type":"address"}],"name":"AddressEmptyCode","type":"error"},
  {"inputs":[{"name":"implementation","type":"address"}],"name":"ERC1967InvalidImplementation","type":"error"},
  {"inputs":[],"name":"ERC1967NonPayable","type":"error"},
  {"inputs":[],"name":"ERC1967ProxyUninitialized","type":"error"},
  {"inputs":[],"name":"FailedCall","type":"error"},
  {"anonymous":false,"inputs":[{"indexed":true,"name":"implementation","type":"address"}],"name":"Upgraded","type":"event"},
  {"stateMutability":"payable","type":"fallback"},
] as const;
