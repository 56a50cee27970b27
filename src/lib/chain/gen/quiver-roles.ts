// From QUIVerRoles.sol by contracts/scripts/build.ts.
export const quiverRolesAbi = [
  {"inputs":[{"name":"deployer_","type":"address"},{"name":"multisig","type":"address"},{"name":"guardian","type":"address"},{"name":"arbiter","type":"address"}],"stateMutability":"nonpayable","type":"constructor"},
  {"inputs":[],"name":"AlreadyWired","type":"error"},
  {"inputs":[{"name":"caller","type":"address"}],"name":"OnlyDeployer","type":"error"},
  {"inputs":[],"name":"ZeroAddress","type":"error"},
  {"anonymous":false,"inputs":[{"indexed":false,"name":"manager","type":"address"},{"indexed":false,"name":"timelock","type":"address"}],"name":"Wired","type":"event"},
  {"inputs":[],"name":"ARBITER","outputs":[{"name":"","type":"uint64"}],"stateMutability":"view","type":"function"},
  {"inputs":[],"name":"GUARDIAN","outputs":[{"name":"","type":"uint64"}],"stateMutability":"view","type":"function"},
  {"inputs":[],"name":"RESUMER","outputs":[{"name":"","type":"uint64"}],"stateMutability":"view","type":"function"},
  {"inputs":[],"name":"TIMELOCK_DELAY","outputs":[{"name":"","type":"uint256"}],"stateMutability":"view","type":"function"},
  {"inputs":[],"name":"manager","outputs":[{"name":"","type":"address"}],"stateMutability":"view","type":"function"},
  {"inputs":[],"name":"timelock","outputs":[{"name":"","type":"address"}],"stateMutability":"view","type":"function"},
  {"inputs":[{"components":[{"name":"target","type":"address"},{"name":"role","type":"uint64"},{"name":"selectors","type":"bytes4[]"}],"name":"assignments","type":"tuple[]"}],"name":"wire","outputs":[],"stateMutability":"nonpayable","type":"function"},
  {"inputs":[],"name":"wired","outputs":[{"name":"","type":"bool"}],"stateMutability":"view","type":"function"},
] as const;
