import type {EdrContext, Provider, Response} from '@nomicfoundation/edr';

import {fromHex} from '../../core/bytes.ts';
import type {Genesis} from './block-journal.ts';
import {CREATE2_FACTORY, CREATE2_FACTORY_CODE} from '../deploy/create2.ts';

/** What Polygon runs (Cancun's opcodes, Prague's calldata price), so that gas here is gas there. */
const HARDFORK = 'prague';
const BLOCK_GAS_LIMIT = 60_000_000n;
/** EIP-7825; Polygon has it too. */
const TRANSACTION_GAS_CAP = 16_777_216n;
const FIRST_BASE_FEE_WEI = 1_000_000_000n;
const POL = 10n ** 18n;
const BALANCE = 1_000_000n * POL;

type Edr = typeof import('@nomicfoundation/edr');

let loaded: Promise<{edr: Edr; context: EdrContext}> | undefined;

/** The native part is loaded on first use, once for the process. */
function load(): Promise<{edr: Edr; context: EdrContext}> {
  loaded ??= (async () => {
    const edr = await import('@nomicfoundation/edr');
    const context = new edr.EdrContext();
    await context.registerProviderFactory(edr.L1_CHAIN_TYPE, edr.l1ProviderFactory());
    return {edr, context};
  })();
  return loaded;
}

/** An EVM in this process that mines a block for each transaction. */
export async function createEvm(chainId: number, genesis: Genesis): Promise<Provider> {
  const {edr, context} = await load();
  const funded = genesis.accounts.map((address) => ({address: bytes(address), balance: BALANCE}));
  const factory = {address: bytes(CREATE2_FACTORY), code: bytes(CREATE2_FACTORY_CODE)};
  return context.createProvider(
    edr.L1_CHAIN_TYPE,
    {
      allowBlocksWithSameTimestamp: false,
      allowUnlimitedContractSize: false,
      bailOnCallFailure: true,
      bailOnTransactionFailure: false,
      chainId: BigInt(chainId),
      coinbase: new Uint8Array(20),
      defaultTransactionGasLimit: TRANSACTION_GAS_CAP,
      genesisState: [...edr.l1GenesisState(edr.l1HardforkFromString(HARDFORK)), factory, ...funded],
      hardfork: HARDFORK,
      initialBaseFeePerGas: FIRST_BASE_FEE_WEI,
      initialParentBeaconBlockRoot: new Uint8Array(32),
      minGasPrice: 0n,
      mining: {autoMine: true, blockGasLimit: BLOCK_GAS_LIMIT, memPool: {order: edr.MineOrdering.Fifo}},
      network: {genesisBlockGasLimit: BLOCK_GAS_LIMIT, genesisBlockTime: BigInt(genesis.timestamp)},
      networkId: BigInt(chainId),
      observability: {},
      ownedAccounts: [],
      precompileOverrides: [],
      transactionGasCap: TRANSACTION_GAS_CAP,
    },
    {enable: false, decodeConsoleLogInputsCallback: () => [], printLineCallback: () => undefined},
    {subscriptionCallback: () => undefined},
    new edr.ContractDecoder(),
  );
}

export interface EvmAnswer {
  result?: unknown;
  error?: {code: number; message: string; data?: unknown};
}

export async function askEvm(evm: Provider, method: string, params: readonly unknown[]): Promise<EvmAnswer> {
  const response: Response = await evm.handleRequest(JSON.stringify({jsonrpc: '2.0', id: 1, method, params}));
  const data: unknown = response.data;
  return (typeof data === 'string' ? JSON.parse(data) : data) as EvmAnswer;
}

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  if (found === undefined) throw new TypeError(`not hex: ${hex}`);
  return found;
}
