import type {Registry} from 'prom-client';

import {instruments} from '../../observability/instruments.ts';
import type {IceHandler} from './ice-handler.ts';

/** Registers the metrics of the ICE servers API, read at the moment of each scrape. */
export async function registerIceMetrics(
  registry: Registry,
  {handler, issued}: {handler: IceHandler; issued: () => number},
): Promise<void> {
  const {counter} = await instruments(registry);
  counter('quiver_ice_credentials_issued_total', 'Time-limited TURN credentials issued.', [], () => [[{}, issued()]]);
  counter('quiver_ice_requests_total', 'Requests to the ICE servers API, by how they ended.', ['result'], () =>
    [...handler.results].map(([result, count]) => [{result}, count]),
  );
}
