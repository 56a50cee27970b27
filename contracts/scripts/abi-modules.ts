// The ABIs as TypeScript constants, from which src/lib/chain knows names, arguments and results of every function.

interface Item {
  type: string;
  inputs?: Parameter[];
  outputs?: Parameter[];
}

interface Parameter {
  name: string;
  type: string;
  internalType?: string;
  components?: Parameter[];
}

/** `QUIVerStaking` is in `quiver-staking.ts`. */
export function moduleName(contract: string): string {
  const words = contract.replace(/^QUIVer/, 'Quiver').replace(/^QUIV(?=[A-Z])/, 'Quiv');
  return words.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** The custom errors of all contracts, each once. */
export function errorsModule(abis: readonly (readonly object[])[]): string {
  const errors = (abis.flat() as Item[]).filter(({type}) => type === 'error').map((item) => itemText(item));
  return `// From all contracts by contracts/scripts/build.ts.\nexport const errorsAbi = [\n${[...new Set(errors)].sort().join('\n')}\n] as const;\n`;
}

export function abiModule(contract: string, abi: readonly object[]): string {
  const name = moduleName(contract).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const items = (abi as Item[]).map(itemText);
  return `// From ${contract}.sol by contracts/scripts/build.ts.\nexport const ${name}Abi = [\n${items.join('\n')}\n] as const;\n`;
}

/** Without the names of Solidity's own structs and enums, which nothing here reads. */
function itemText(item: Item): string {
  const text = JSON.stringify(item, (key, value: unknown) => (key === 'internalType' ? undefined : value));
  return `  ${text},`;
}
