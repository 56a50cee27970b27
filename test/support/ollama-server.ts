import type {Backend, ChatMessage} from '../../src/lib/inference/backend.ts';
import {BackendError} from '../../src/lib/inference/backends/errors.ts';
import {type BackendServer, sendJson, serveBackend} from './backend-server.ts';
import {failAtOnce, failMidway} from './http-faults.ts';

/** A small server with Ollama's native API over any back end. Its model is `<name>:latest`; it lists a cloud model too. */
export async function startOllamaServer(backend: Backend): Promise<BackendServer> {
  const [model] = await backend.models(AbortSignal.timeout(5000));
  if (model === undefined) throw new Error('the back end has no model');
  const name = `${model.name}:latest`;
  const digest = (model.digest ?? '').replace('sha256:', '');
  const server = await serveBackend(async ({path, body}, response, signal) => {
    if (path === '/api/version') return sendJson(response, 200, {version: '0.12.11'});
    if (path === '/v1/models')
      return sendJson(response, 200, {object: 'list', data: [{id: name, object: 'model', owned_by: 'library'}]});
    if (path === '/api/tags') {
      const details = {format: 'gguf', family: 'llama', quantization_level: model.quantisation};
      const entry = {name, model: name, size: model.sizeBytes, digest, details};
      const cloud = {
        name: 'huge:cloud',
        model: 'huge:cloud',
        remote_model: 'huge',
        remote_host: 'https://ollama.example',
        digest: 'ab',
      };
      return sendJson(response, 200, {
        models: [entry, {...entry, name: 'embedder:latest', digest: '0'.repeat(64)}, cloud],
      });
    }
    if (path === '/api/show') {
      const capabilities = body['model'] === name ? ['completion'] : ['embedding'];
      const info = {'general.architecture': 'llama', 'llama.context_length': model.contextTokens};
      return sendJson(response, 200, {capabilities, model_info: info, parameters: 'temperature                    1'});
    }
    if (path === '/api/embed') {
      return sendJson(response, 200, {embeddings: await backend.embed('', body['input'] as string[], signal)});
    }
    if (path !== '/api/chat') return sendJson(response, 404, {error: 'not found'});
    if (failAtOnce(server.fault, response, {error: 'the input length exceeds the context length'})) return undefined;
    if (body['model'] !== name) return sendJson(response, 404, {error: `model '${String(body['model'])}' not found`});

    const options = body['options'] as {num_predict: number; temperature: number; seed?: number; stop?: string[]};
    const events = backend.chat(
      {
        model: '',
        messages: body['messages'] as ChatMessage[],
        maxTokens: options.num_predict,
        temperature: options.temperature,
        ...(options.seed !== undefined && {seed: options.seed}),
        stop: options.stop ?? [],
        topLogprobs: body['logprobs'] === true ? (body['top_logprobs'] as number) : 0,
      },
      signal,
    );
    const send = (line: unknown): boolean => response.write(`${JSON.stringify(line)}\n`);
    let pieces = 0;
    try {
      for await (const event of events) {
        if (event.type === 'delta') {
          if (pieces === 0) response.writeHead(200, {'content-type': 'application/x-ndjson'});
          pieces += 1;
          const logprobs = event.logprobs?.map(({logprob}) => ({token: '?', logprob, top_logprobs: []}));
          send({
            model: name,
            message: {role: 'assistant', content: event.text},
            done: false,
            ...(logprobs && {logprobs}),
          });
          if (pieces === 1 && server.fault === 'error-event') {
            send({error: 'the GPU is gone'});
            return void response.end();
          }
          if (pieces === 1 && failMidway(server.fault, response)) return undefined;
        } else if (event.type === 'end') {
          const {promptTokens, completionTokens} = event.usage;
          const counts = {prompt_eval_count: promptTokens, eval_count: completionTokens};
          send({
            model: name,
            message: {role: 'assistant', content: ''},
            done: true,
            done_reason: event.finish,
            ...counts,
          });
          response.end();
        }
      }
    } catch (error) {
      const tooLong = error instanceof BackendError && error.code === 'CONTEXT_TOO_LONG';
      sendJson(response, tooLong ? 400 : 500, {
        error: tooLong ? 'the input length exceeds the context length' : String(error),
      });
    }
    return undefined;
  });
  return server;
}
