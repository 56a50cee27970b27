import {QuiverError} from '../core/errors.ts';
import type {Route} from './service.ts';

/** What a server may call: everything on the control socket, `admin` routes only on TCP. */
export type Access = Route['access'];

/** Paths to handlers of the host and of all its services. */
export class RouteTable {
  readonly #routes = new Map<string, Map<string, Route>>();

  /** The host's own routes, which no service can take over. */
  constructor(own: readonly Route[]) {
    for (const route of own) this.#set(route.path, route);
  }

  /**
   * Adds a service's routes at their own paths and below `/services/<name>`. Where several services of one process
   * offer the same path, the first to start has it, and the others are reached by their names.
   */
  add(service: string, routes: readonly Route[]): void {
    for (const route of routes) {
      this.#set(`/services/${encodeURIComponent(service)}${route.path}`, route);
      if (this.#routes.get(route.path)?.has(route.method) !== true) this.#set(route.path, route);
    }
  }

  paths(access: Access): string[] {
    const allowed = [...this.#routes].filter(([, methods]) => [...methods.values()].some((each) => may(access, each)));
    return allowed.map(([path]) => path);
  }

  /** Errors: NO_SUCH_ROUTE, WRONG_METHOD, CONTROL_ONLY. */
  find(method: string, path: string, access: Access): Route {
    const methods = this.#routes.get(path);
    if (methods === undefined) throw noSuchRoute(path);
    const route = methods.get(method);
    if (route === undefined) throw wrongMethod(path, [...methods.keys()]);
    if (!may(access, route)) throw controlOnly(path);
    return route;
  }

  #set(path: string, route: Route): void {
    const methods = this.#routes.get(path) ?? new Map<string, Route>();
    this.#routes.set(path, methods.set(route.method, route));
  }
}

function may(access: Access, route: Route): boolean {
  return access === 'control' || route.access === 'admin';
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
