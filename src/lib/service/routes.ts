import {QuiverError} from '../core/errors.ts';
import type {Route} from './service.ts';

/** What a server may call: everything on the control socket, `admin` routes only on TCP. */
export type Access = Route['access'];

/** Comes before every service. */
const OWN_RANK = -1;

interface Entry {
  route: Route;
  rank: number;
}

/** Paths to handlers of the host and of all its services. */
export class RouteTable {
  readonly #entries = new Map<string, Map<string, Entry>>();

  /** The host's own routes, which no service can take over. */
  constructor(own: readonly Route[]) {
    for (const route of own) this.#offer(route.path, {route, rank: OWN_RANK});
  }

  /**
   * Adds a service's routes at their own paths and below `/services/<name>`. Where several services of one process
   * offer the same path, the one with the lowest `rank`, its place in the order of services, has it, whichever was up
   * first; the others are reached by their names.
   */
  add(service: string, routes: readonly Route[], rank: number): void {
    for (const route of routes) {
      this.#offer(route.path, {route, rank});
      this.#offer(`/services/${encodeURIComponent(service)}${route.path}`, {route, rank});
    }
  }

  /** Errors: NO_SUCH_ROUTE, WRONG_METHOD, CONTROL_ONLY. */
  find(method: string, path: string, access: Access): Route {
    const methods = this.#entries.get(path);
    if (methods === undefined) throw noSuchRoute(path);
    const route = methods.get(method)?.route;
    if (route === undefined) throw wrongMethod(path, [...methods.keys()]);
    if (access === 'admin' && route.access === 'control') throw controlOnly(path);
    return route;
  }

  #offer(path: string, entry: Entry): void {
    const methods = this.#entries.get(path) ?? new Map<string, Entry>();
    this.#entries.set(path, methods);
    const holder = methods.get(entry.route.method);
    if (holder === undefined || entry.rank < holder.rank) methods.set(entry.route.method, entry);
  }
}

function noSuchRoute(path: string): QuiverError {
  return new QuiverError({
    code: 'NO_SUCH_ROUTE',
    message: `Nothing answers at ${JSON.stringify(path)}`,
    fix: 'GET /info lists the services that run; each adds its own paths once it has started.',
  });
}

function wrongMethod(path: string, methods: readonly string[]): QuiverError {
  const allowed = methods.join(' or ');
  return new QuiverError({
    code: 'WRONG_METHOD',
    message: `${path} is not called like that`,
    fix: `Use ${allowed} ${path}`,
  });
}

function controlOnly(path: string): QuiverError {
  return new QuiverError({
    code: 'CONTROL_ONLY',
    message: `${path} is not open on the admin port, since it acts or shows what is private`,
    fix: 'Use the command for it, or the control socket that `quiver status` shows.',
  });
}
