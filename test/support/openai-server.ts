import type {ServerResponse} from 'node:http';
import type {Backend, ChatMessage, ChatRequest} from '../../src/lib/inference/backend.ts';
import {BackendError} from '../../src/lib/inference/backends/errors.ts';
import {type BackendServer, sendJson, serveBackend} from './backend-server.ts';
import {failAtOnce, failMidway} from './http-faults.ts';

export interface OpenAiServerOptions {
  /** Which server's own habits it has. @default 'openai' */
  flavour?: 'llama.cpp' | 'vllm' | 'lm-studio' | 'openai';
  /** What the model list calls the model. @default the back end's own name */
  modelId?: string;
  /** How the stream is written: with CRLF and comments, cut into single bytes; without usage; or as one JSON object. */
  style?: 'plain' | 'awkward' | 'no-usage' | 'not-streamed';
  modelPath?: string;
  headers?: Record<string, string>;
}

const OWNERS = {'llama.cpp': 'llamacpp', vllm: 'vllm', 'lm-studio': 'organization_owner', openai: 'somebody'};

/** A small OpenAI-compatible server over any back end, with the habits and the failures of the real ones. */
export async function startOpenAiServer(backend: Backend, options: OpenAiServerOptions = {}): Promise<BackendServer> {
  const {flavour = 'openai', style = 'plain', modelPath = '/nowhere/model.gguf'} = options;
  const [model] = await backend.models(AbortSignal.timeout(5000));
  if (model === undefined) throw new Error('the back end has no model');
  const server = await serveBackend(async ({path, body}, response, signal) => {
    if (path === '/v1/models') {
      const extra = flavour === 'vllm' ? {max_model_len: model.contextTokens} : {};
      sendJson(response, 200, {
        object: 'list',
        data: [{id: options.modelId ?? model.name, object: 'model', owned_by: OWNERS[flavour], ...extra}],
      });
    } else if (path === '/health' && (flavour === 'llama.cpp' || flavour === 'vllm')) {
      if (!failAtOnce(server.fault, response, {}))
        response.writeHead(200).end(flavour === 'vllm' ? '' : '{"status":"ok"}');
    } else if (path === '/props' && flavour === 'llama.cpp') {
      sendJson(response, 200, {
        default_generation_settings: {n_ctx: model.contextTokens},
        total_slots: 3,
        model_path: modelPath,
        model_ftype: model.quantisation,
      });
    } else if (path === '/api/v1/models' && flavour === 'lm-studio') {
      const loaded = [{id: 'one', config: {context_length: model.contextTokens}}];
      const quantization = {name: model.quantisation, bits_per_weight: 32};
      const entry = {type: 'llm', key: model.name, quantization, size_bytes: model.sizeBytes, max_context_length: 4096};
      sendJson(response, 200, {
        models: [
          {...entry, loaded_instances: loaded},
          {type: 'embedding', key: 'embedder'},
        ],
      });
    } else if (path === '/v1/embeddings') {
      const inputs = [body['input']].flat() as string[];
      const vectors = await backend.embed(model.name, inputs, signal);
      sendJson(response, 200, {
        object: 'list',
        model: model.name,
        data: vectors.map(encodeVector(body)),
        usage: {prompt_tokens: 1, total_tokens: 1},
      });
    } else if (path === '/v1/chat/completions') {
      if (failAtOnce(server.fault, response, tooLong(flavour), body)) return;
      await chat(backend, server, {...body, style, flavour, modelName: model.name}, response, signal);
    } else {
      sendJson(response, 404, {error: {message: 'Not Found', type: 'invalid_request_error', code: null}});
    }
  }, options.headers);
  return server;
}

const encodeVector = (body: Record<string, unknown>) => (vector: number[], index: number) => ({
  object: 'embedding',
  index,
  embedding:
    body['encoding_format'] === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector,
});

function tooLong(flavour: string): unknown {
  if (flavour === 'llama.cpp') {
    const message = 'the request exceeds the available context size, try increasing it';
    return {error: {code: 400, message, type: 'exceed_context_size_error', n_prompt_tokens: 900, n_ctx: 512}};
  }
  const message = "This model's maximum context length is 512 tokens. However, you requested 900 tokens.";
  return {error: {message, type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded'}};
}

async function chat(
  backend: Backend,
  server: BackendServer,
  body: Record<string, unknown> & {style: string; flavour: string; modelName: string},
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const {style, flavour, modelName} = body;
  const id = `chatcmpl-${server.requests.length}`;
  const base = {id, created: 1, model: modelName};
  // llama.cpp answers under any name, the others insist on theirs.
  if (flavour !== 'llama.cpp' && body['model'] !== modelName) {
    const message = `The model \`${String(body['model'])}\` does not exist.`;
    return sendJson(response, 404, {error: {message, type: 'NotFoundError', param: 'model', code: 'model_not_found'}});
  }
  const events = backend.chat(readRequest(body, modelName), signal);
  const streamed = body['stream'] === true && style !== 'not-streamed';
  let text = '';
  let pieces = 0;
  const send = sender(response, style);
  try {
    for await (const event of events) {
      if (event.type === 'delta') {
        text += event.text;
        if (!streamed) continue;
        if (pieces === 0) {
          response.writeHead(200, {'content-type': 'text/event-stream; charset=utf-8'});
          send({
            ...base,
            object: 'chat.completion.chunk',
            choices: [{index: 0, delta: {role: 'assistant', content: ''}, finish_reason: null}],
          });
        }
        pieces += 1;
        const logprobs = event.logprobs && {
          content: event.logprobs.map(({tokenId, logprob, top}) => ({
            id: tokenId,
            token: '',
            logprob,
            top_logprobs: top?.map((item) => ({id: item.tokenId, token: '', logprob: item.logprob})),
          })),
        };
        const tokenIds = flavour === 'vllm' && body['return_token_ids'] === true ? {token_ids: event.tokenIds} : {};
        const choice = {
          index: 0,
          delta: {content: event.text},
          logprobs: logprobs ?? null,
          finish_reason: null,
          ...tokenIds,
        };
        send({...base, object: 'chat.completion.chunk', choices: [choice]});
        if (pieces === 1 && server.fault === 'error-event') {
          send({error: {message: 'the GPU is gone', type: 'server_error', code: 500}});
          return void response.end();
        }
        if (pieces === 1 && failMidway(server.fault, response)) return;
      } else if (event.type === 'end') {
        const reason = event.finish === 'length' ? 'length' : 'stop';
        // llama.cpp counts the token that ends the answer.
        const completionTokens = event.usage.completionTokens + (flavour === 'llama.cpp' && reason === 'stop' ? 1 : 0);
        const usage = {
          prompt_tokens: event.usage.promptTokens,
          completion_tokens: completionTokens,
          total_tokens: event.usage.promptTokens + completionTokens,
          prompt_tokens_details: {cached_tokens: event.usage.cachedTokens},
        };
        if (!streamed) {
          const choice = {
            index: 0,
            message: {role: 'assistant', content: text, refusal: null},
            logprobs: null,
            finish_reason: reason,
          };
          return sendJson(response, 200, {...base, object: 'chat.completion', choices: [choice], usage});
        }
        send({
          ...base,
          object: 'chat.completion.chunk',
          choices: [{index: 0, delta: {}, logprobs: null, finish_reason: reason}],
        });
        const wanted = (body['stream_options'] as {include_usage?: boolean} | undefined)?.include_usage === true;
        if (wanted && style !== 'no-usage') send({...base, object: 'chat.completion.chunk', choices: [], usage});
        send('[DONE]');
        response.end();
      }
    }
  } catch (error) {
    if (response.headersSent) return void response.end();
    const code =
      error instanceof BackendError && error.code === 'CONTEXT_TOO_LONG' ? 'context_length_exceeded' : 'failed';
    sendJson(response, code === 'failed' ? 500 : 400, {
      error: {message: String(error), type: 'invalid_request_error', code},
    });
  }
}

function readRequest(body: Record<string, unknown>, model: string): ChatRequest {
  const stop = body['stop'] === undefined ? [] : ([body['stop']].flat() as string[]);
  return {
    model,
    messages: body['messages'] as ChatMessage[],
    maxTokens:
      (body['max_tokens'] as number | undefined) ?? (body['max_completion_tokens'] as number | undefined) ?? 64,
    temperature: (body['temperature'] as number | undefined) ?? 1,
    ...(body['seed'] !== undefined && {seed: body['seed'] as number}),
    stop,
    topLogprobs: body['logprobs'] === true ? ((body['top_logprobs'] as number | undefined) ?? 1) : 0,
  };
}

/** Writes server-sent events, in the awkward style as hard to read as the standard allows. */
function sender(response: ServerResponse, style: string): (data: unknown) => void {
  return (data) => {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    if (style !== 'awkward') {
      response.write(`data: ${text}\n\n`);
      return;
    }
    for (const byte of Buffer.from(`: ping\r\nevent: message\r\ndata:${text}\r\nid: 7\r\n\r\n`))
      response.write(Buffer.of(byte));
  };
}
