/** Our TURN service in a process of its own, with limits out of the way. */
import {parseArgs} from 'node:util';

import {createLogger} from '../../src/lib/observability/logger.ts';
import {createMetrics} from '../../src/lib/observability/metrics.ts';
import {TurnService} from '../../src/lib/turn/turn-service.ts';

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    engine: {type: 'string', default: 'dgram'},
    'no-segmentation': {type: 'boolean', default: false},
    'allow-peer': {type: 'string', multiple: true, default: []},
    workers: {type: 'string', default: '1'},
  },
});
const [host = '', port, realm = '', username = '', password = ''] = positionals;
/** More than a run can reach; the limiters still count. */
const UNREACHED = 1_000_000;

const service = new TurnService({
  listen: {hosts: [host], port: Number(port), tcp: false},
  relay: {addresses: [{address: host}], ports: [49_152, 65_535]},
  realm,
  secrets: [],
  users: new Map([[username, password]]),
  peers: {allow: values['allow-peer'], deny: []},
  admission: {maxAllocations: UNREACHED, maxPerUser: UNREACHED, perUserPerMinute: UNREACHED},
  limits: {
    bindingsPerSecond: UNREACHED,
    bindingBurst: UNREACHED,
    challengesPerSecond: UNREACHED,
    challengeBurst: UNREACHED,
  },
  engine: values.engine === 'batch' ? 'batch' : 'dgram',
  segmentation: !values['no-segmentation'],
  workers: Number(values.workers),
});
await service.start({
  signal: new AbortController().signal,
  log: await createLogger({level: 'warn'}),
  metrics: (await createMetrics('bench')).forService('turn'),
  find: () => undefined,
});
