// Builds and tests the contracts with the npm compiler, so that nothing is downloaded: without `path` Hardhat asks
// the compiler's download host. This folder's package.json makes it the project root.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'hardhat/config';

const COMPILER = {version: '0.8.37', path: fileURLToPath(import.meta.resolve('solc/soljson.js'))};

/** Cancun is understood by Polygon and Amoy; without metadata equal sources give equal bytecode on every machine. */
const SETTINGS = {
  evmVersion: 'cancun',
  metadata: {bytecodeHash: 'none', appendCBOR: false},
  outputSelection: {'*': {'*': ['storageLayout']}},
};

export default defineConfig({
  paths: {
    sources: 'src',
    tests: {solidity: 'test'},
    cache: '../build/contracts/cache',
    artifacts: '../build/contracts/artifacts',
  },
  solidity: {
    profiles: {
      default: {...COMPILER, settings: {...SETTINGS, optimizer: {enabled: true, runs: 200}}},
      production: {...COMPILER, settings: {...SETTINGS, viaIR: true, optimizer: {enabled: true, runs: 10_000}}},
    },
  },
  networks: {
    // Gas is counted by the rules that Polygon has: Prague with its calldata floor (EIP-7623).
    default: {type: 'edr-simulated', chainType: 'l1', hardfork: 'prague'},
  },
  test: {
    solidity: {
      profiles: {
        default: {
          fsPermissions: {readDirectory: ['test', 'artifacts']},
          fuzz: {runs: 256, seed: '0x7175697665720001'},
          invariant: {runs: 256, depth: 100},
        },
        deep: {
          fsPermissions: {readDirectory: ['test', 'artifacts']},
          fuzz: {runs: 5000},
          invariant: {runs: 5000, depth: 100},
        },
      },
    },
  },
});
