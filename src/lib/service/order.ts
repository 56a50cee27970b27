import {QuiverError} from '../core/errors.ts';
import type {Service} from './service.ts';

/**
 * Sorts services so that each comes after those it names in `after`; otherwise the given order is kept.
 * Errors: two of one name, an unknown name, a cycle.
 */
export function startOrder(services: readonly Service[]): Service[] {
  const byName = new Map<string, Service>();
  for (const service of services) {
    if (byName.has(service.name)) throw wrong(`two services are called "${service.name}"`);
    byName.set(service.name, service);
  }
  const ordered = new Set<Service>();
  const visit = (service: Service, path: readonly string[]): void => {
    if (ordered.has(service)) return;
    const here = [...path, service.name];
    if (path.includes(service.name)) throw wrong(`services wait for one another: ${here.join(' → ')}`);
    for (const name of service.after ?? []) {
      const needed = byName.get(name);
      if (needed === undefined) throw wrong(`service "${service.name}" waits for "${name}", which is not there`);
      visit(needed, here);
    }
    ordered.add(service);
  };
  for (const service of services) visit(service, []);
  return [...ordered];
}

/** What a service waits for, directly first, then through others; nearest first. */
export function dependencies(service: Service, services: readonly Service[]): Service[] {
  const byName = new Map(services.map((each) => [each.name, each]));
  const found = new Set<Service>();
  let layer: readonly Service[] = [service];
  while (layer.length > 0) {
    const next = layer.flatMap((each) => each.after ?? []).flatMap((name) => byName.get(name) ?? []);
    layer = next.filter((each) => !found.has(each));
    for (const each of layer) found.add(each);
  }
  return [...found];
}

function wrong(problem: string): QuiverError {
  return new QuiverError({
    code: 'SERVICE_ORDER',
    message: `These services cannot start together: ${problem}`,
    fix: 'Give each service its own name, and let `after` name services of the same process without a circle.',
  });
}
