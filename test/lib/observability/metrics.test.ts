import {globSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

import {Counter, Gauge, Histogram, register} from 'prom-client';
import {describe, expect, it} from 'vitest';

import {createLogger} from '../../../src/lib/observability/logger.ts';
import {createMetrics, mergeExpositions} from '../../../src/lib/observability/metrics.ts';
import {createHost} from '../../../src/lib/service/host.ts';
import {fakeService} from '../../support/fake-service.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');

/** Metric names with their types, as a scraper would read them. */
function parse(text: string): Map<string, string> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Map(types.map(([, name = '', type = '']) => [name, type]));
}

describe('metrics', () => {
  it('of every process are those in docs/metrics.md, with their types', async () => {
    const log = await createLogger({level: 'silent'});
    const admin = {host: '127.0.0.1', port: 0};
    const host = createHost({services: [fakeService('node')], log, profile: 'local', version: '9.9.9', admin});
    const {admin: url} = await host.start();
    const answer = await fetch(`${url}/metrics`);
    const text = await answer.text();
    await host.stop();

    const section = /^## Every process$(.*?)(?=^## |$(?![^]))/ms.exec(PAGE)?.[1] ?? '';
    const rows = [...section.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)];
    const documented = new Map(rows.map(([, name = '', type = '']) => [name, type]));
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(parse(text)).toEqual(documented);
    expect(text).toContain('quiver_host_ready 1');
    expect(text).toContain('quiver_service_status{service="node",kind="test.node",status="ready"} 1');
    expect(text).toMatch(/quiver_build_info\{version="9\.9\.9",node="\d/);
  });

  it('of services are all in docs/metrics.md, and it lists no other', () => {
    const sources = globSync('src/**/*.ts', {cwd: ROOT}).map((file) => readFileSync(join(ROOT, file), 'utf8'));
    const registered = new Set(sources.flatMap((source) => source.match(/(?<=')quiver_[a-z0-9_]+(?=')/g) ?? []));
    const documented = new Set(PAGE.match(/(?<=^\| `)quiver_[a-z0-9_]+(?=`)/gm));
    expect(documented).toEqual(registered);
  });

  it('leave the global registry alone', async () => {
    await createMetrics('1');
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('of two services may have the same name', async () => {
    const metrics = await createMetrics('1');
    for (const name of ['a', 'b']) {
      const registers = [metrics.forService(name)];
      new Counter({name: 'quiver_test_total', help: 'Say "hi"', labelNames: ['kind'], registers}).inc({kind: 'x\n\ny'});
      new Histogram({name: 'quiver_test_seconds', help: 'h', buckets: [1], registers}).observe(0.5);
    }
    const text = await metrics.text();
    expect(text.match(/^# TYPE quiver_test_total counter$/gm)).toHaveLength(1);
    expect(text).toContain(
      'quiver_test_total{kind="x\\n\\ny",service="a"} 1\nquiver_test_total{kind="x\\n\\ny",service="b"} 1',
    );
    expect(text.match(/^quiver_test_seconds_bucket\{.*service="b".*\} 1$/gm)).toHaveLength(2);
    expect(metrics.forService('a')).toBe(metrics.forService('a'));
  });

  it('merge to what one registry would have said', async () => {
    const metrics = await createMetrics('1');
    const registry = metrics.forService('a');
    registry.registerMetric(new Gauge({name: 'quiver_empty', help: 'no series', labelNames: ['x'], registers: []}));
    expect(mergeExpositions([await registry.metrics()])).toBe(await registry.metrics());
    expect(mergeExpositions(['', '\n'])).toBe('');
  });
});
