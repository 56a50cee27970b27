import type {Health, Route, Service, ServiceContext, ServiceInfo} from '../../src/lib/service/service.ts';

export interface FakeOptions {
  kind?: string;
  after?: readonly string[];
  start?: (context: ServiceContext) => Promise<void>;
  drain?: () => Promise<void>;
  stop?: () => Promise<void>;
  health?: (signal: AbortSignal) => Promise<Health>;
  routes?: readonly Route[];
  addresses?: string[];
}

/** A service that does what a test tells it to, and keeps a journal of what was asked of it. */
export function fakeService(name: string, options: FakeOptions = {}, journal: string[] = []): Service {
  return {
    name,
    kind: options.kind ?? `test.${name}`,
    ...(options.after && {after: options.after}),
    async start(context) {
      journal.push(`start ${name}`);
      await options.start?.(context);
      journal.push(`started ${name}`);
    },
    async drain() {
      journal.push(`drain ${name}`);
      await options.drain?.();
    },
    async stop() {
      await options.stop?.();
      journal.push(`stop ${name}`);
    },
    info(): ServiceInfo {
      const addresses = options.addresses ?? [];
      const kind = options.kind ?? `test.${name}`;
      return {name, kind, status: 'ready', addresses, publicAddresses: [], metadata: {}};
    },
    health: options.health ?? (async () => ({ok: true, checks: []})),
    routes: () => options.routes ?? [],
  };
}

/** Never settles: what a hung peer or disk looks like. */
export function hang(): Promise<never> {
  return new Promise(() => undefined);
}
