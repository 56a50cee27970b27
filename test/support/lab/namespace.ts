import {type ChildProcess, type SpawnOptions, execFile, spawn, spawnSync} from 'node:child_process';

/** Every namespace of a lab is called `quiver-lab-<pid of its maker>-<lab>-<name>`. */
const PREFIX = 'quiver-lab-';

let labs = 0;

/** A name for a lab, unique on this machine. */
export function labName(): string {
  labs += 1;
  return `${PREFIX}${process.pid}-${labs}`;
}

/** One network namespace: its own interfaces, routes and firewall, nothing of the machine's. */
export class Namespace {
  readonly name: string;

  constructor(lab: string, name: string) {
    this.name = `${lab}-${name}`;
    execute('ip', ['netns', 'add', this.name]);
    this.ip('link set lo up');
  }

  /** Lines for ip(8), without the word `ip`. */
  ip(...lines: readonly string[]): void {
    execute('ip', ['-n', this.name, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  nft(rules: string): void {
    execute('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], rules);
  }

  /** A program in this namespace; the caller ends it, and else the end of the lab does. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.name, command, ...args], options);
  }

  /** What a program in this namespace prints, whatever its exit status. */
  async run(command: string, args: readonly string[]): Promise<string> {
    return new Promise((resolve) => {
      execFile('ip', ['netns', 'exec', this.name, command, ...args], (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
  }

  /** For a router: lets packets through. */
  forward(): void {
    execute('ip', ['netns', 'exec', this.name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  }

  remove(): void {
    removeNamespace(this.name);
  }
}

/** Removes what makers of labs left behind that were killed. */
export function sweep(): void {
  for (const line of execute('ip', ['netns', 'list']).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) removeNamespace(name);
  }
}

function removeNamespace(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], {encoding: 'utf8'}).stdout.split('\n');
  for (const pid of pids.filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  spawnSync('ip', ['netns', 'delete', name]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function execute(command: string, args: readonly string[], input?: string): string {
  const {status, stdout, stderr, error} = spawnSync(command, args, {encoding: 'utf8', input: input ?? ''});
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}\n${input ?? ''}`);
  return stdout;
}
