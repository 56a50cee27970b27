// A signer in a process of its own that speaks Web3Signer's eth1 JSON-RPC, written from its documentation:
// `node remote-signer-process.ts <faults>`; keys come on stdin, one a line, so that none is on a command line.
// Prints its URL. Faults, for what a client has to survive: silent, huge, wrong-fee, wrong-prefix, refuse, garbage.
import {createServer} from 'node:http';
import {text} from 'node:stream/consumers';

import {Transaction, TypedDataEncoder, Wallet, type TransactionLike, type TypedDataField} from 'ethers';

interface Call {
  id: number;
  method: string;
  params: unknown[];
}

class RpcError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const fault = process.argv[2] ?? 'none';
const wallets = new Map(
  (await text(process.stdin))
    .split('\n')
    .filter((line) => line !== '')
    .map((key) => new Wallet(key))
    .map((wallet) => [wallet.address.toLowerCase(), wallet]),
);

function walletOf(address: unknown): Wallet {
  const wallet = wallets.get(String(address).toLowerCase());
  if (wallet === undefined) throw new RpcError(-32_000, 'From address does not match unlocked account');
  return wallet;
}

function signTransaction([given]: unknown[]): string {
  const {from, gas, ...fields} = given as {from: string; gas: string} & TransactionLike;
  const transaction = Transaction.from({...fields, type: 2, nonce: Number(fields.nonce), gasLimit: gas});
  if (fault === 'wrong-fee') transaction.maxFeePerGas = 10n ** 18n;
  transaction.signature = walletOf(from).signingKey.sign(transaction.unsignedHash);
  return transaction.serialized;
}

async function signTypedData([address, json]: unknown[]): Promise<string> {
  if (typeof json !== 'string') throw new RpcError(-32_602, 'Invalid params');
  const {domain, types, message} = JSON.parse(json) as {
    domain: object;
    types: Record<string, TypedDataField[]>;
    message: Record<string, unknown>;
  };
  const {EIP712Domain: _, ...own} = types;
  const wallet = walletOf(address);
  if (fault === 'wrong-prefix') return wallet.signMessage(TypedDataEncoder.hash(domain, own, message));
  return wallet.signTypedData(domain, own, message);
}

async function answer({method, params}: Call): Promise<unknown> {
  if (fault === 'refuse' && method !== 'eth_accounts') throw new RpcError(-32_001, 'policy \u001b[31mforbids it');
  if (method === 'eth_accounts') return [...wallets.keys()];
  if (method === 'eth_signTransaction') return fault === 'garbage' ? '0x1234' : signTransaction(params);
  if (method === 'eth_signTypedData') return fault === 'garbage' ? 7 : signTypedData(params);
  throw new RpcError(-32_601, 'Method not found');
}

const server = createServer((request, response) => {
  void (async () => {
    const call = JSON.parse(await text(request)) as Call;
    if (fault === 'silent') return;
    response.setHeader('content-type', 'application/json');
    if (fault === 'huge') {
      response.end(`{"result":"${'0'.repeat(2_000_000)}"}`);
      return;
    }
    const reply = await answer(call).then(
      (result) => ({result}),
      (error: Error) => ({error: {code: (error as RpcError).code, message: error.message}}),
    );
    response.end(JSON.stringify({jsonrpc: '2.0', id: call.id, ...reply}));
  })();
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
});
