import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';

import {ROOT} from './quiver.ts';

export interface ManifestFlag {
  char?: string;
  aliases?: readonly string[];
  description?: string;
  hidden?: boolean;
  multiple?: boolean;
  options?: readonly string[];
  required?: boolean;
  type: 'boolean' | 'option';
  env?: string;
}

export interface ManifestCommand {
  id: string;
  aliases: readonly string[];
  args: Readonly<Record<string, {required?: boolean; hidden?: boolean}>>;
  enableJsonFlag?: boolean;
  examples?: readonly (string | {command: string; description: string})[];
  flags: Readonly<Record<string, ManifestFlag>>;
  hidden?: boolean;
  summary?: string;
}

const FILE = path.join(ROOT, 'oclif.manifest.json');

/** Every command of quiver itself, by its words: `receipts list`. */
export function commands(): ReadonlyMap<string, ManifestCommand> {
  if (!existsSync(FILE)) throw new Error('oclif.manifest.json is missing. Try: npm run build');
  const manifest = JSON.parse(readFileSync(FILE, 'utf8')) as {commands: Record<string, ManifestCommand>};
  return new Map(
    Object.values(manifest.commands)
      .map((command) => [command.id.replaceAll(':', ' '), command] as const)
      .sort(([a], [b]) => a.localeCompare(b, 'en')),
  );
}

export function commandIds(): string[] {
  return [...commands().keys()];
}
