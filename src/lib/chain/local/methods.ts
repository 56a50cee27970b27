/** What the local chain answers: questions, and signed transactions. Nothing that signs, impersonates or sets balances. */
const ALLOWED = new Set([
  'eth_blockNumber',
  'eth_call',
  'eth_chainId',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_gasPrice',
  'eth_getBalance',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getBlockTransactionCountByHash',
  'eth_getBlockTransactionCountByNumber',
  'eth_getCode',
  'eth_getLogs',
  'eth_getStorageAt',
  'eth_getTransactionByBlockHashAndIndex',
  'eth_getTransactionByBlockNumberAndIndex',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
  'eth_maxPriorityFeePerGas',
  'eth_sendRawTransaction',
  'eth_syncing',
  'net_listening',
  'net_version',
  'web3_clientVersion',
  'web3_sha3',
]);

/** They would make a chain that is written down differ from what was written; for tests on chains that are not. */
export const NEEDS_NO_JOURNAL = new Set([
  'evm_snapshot',
  'evm_revert',
  'evm_setAutomine',
  'evm_mine',
  'hardhat_dropTransaction',
  'hardhat_setBalance',
  'hardhat_setNonce',
  'txpool_content',
]);

/** Their answer depends on the time. */
export const READS_CLOCK = new Set(['eth_call', 'eth_estimateGas']);

export function isAllowed(method: string): boolean {
  return ALLOWED.has(method);
}
