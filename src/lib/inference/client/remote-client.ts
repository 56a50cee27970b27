import type {ControlClient} from '../../service/control-client.ts';
import type {InferEvent, InferRequest, ModelSummary} from './infer-types.ts';

/** A way into the network: the running process of this machine, or a node of our own. */
export interface NetworkClient {
  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferEvent>;
  models(signal: AbortSignal): Promise<ModelSummary[]>;
  /** Leaves nothing open. */
  close(): Promise<void>;
}

/** Asks through the process behind a control socket; loads nothing of libp2p. */
export function remoteClient(control: ControlClient): NetworkClient {
  return {
    async *infer(request, signal) {
      for await (const event of control.stream('/v1/infer', request, signal)) yield revive(event as InferEvent);
    },
    async models(signal) {
      const {models} = (await control.get('/v1/models', signal)) as {models: ModelSummary[]};
      return models.map((model) => ({
        ...model,
        priceIn: BigInt(String(model.priceIn)),
        priceOut: BigInt(String(model.priceOut)),
      }));
    },
    async close() {
      // Each request has its own connection.
    },
  };
}

/** JSON carries amounts as decimal text. */
function revive(event: InferEvent): InferEvent {
  if (event.event === 'chosen')
    return {...event, priceIn: BigInt(String(event.priceIn)), priceOut: BigInt(String(event.priceOut))};
  return event.event === 'end' ? {...event, cost: BigInt(String(event.cost))} : event;
}
