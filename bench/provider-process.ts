// A provider in a process of its own, for the benchmarks of the inference path: says its address, then serves.
import {createEmbeddedBackend} from '../src/lib/inference/backends/embedded.ts';
import {TestNetwork} from '../test/support/network.ts';

const [modelPath = 'models/quiver-tiny.gguf'] = process.argv.slice(2);
const network = new TestNetwork();
const {node} = await network.addProvider(await createEmbeddedBackend({modelPath}));
process.send?.(node.node.getMultiaddrs().map(String));
process.on('disconnect', () => process.exit());
