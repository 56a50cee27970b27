import type {ChatHistoryItem, ChatWrapper, LlamaModel, LlamaText, Token} from 'node-llama-cpp';
import type {ChatMessage} from '../../backend.ts';

type Library = typeof import('node-llama-cpp');

/** Turns messages into tokens the way the model file asks for, and says what ends an answer. */
export interface PromptRenderer {
  render(messages: readonly ChatMessage[]): {tokens: Token[]; endTokens: ReadonlySet<Token>; endTexts: string[]};
}

/**
 * Renders with the file's own Jinja template; a file without a usable one gets the nearest known format.
 * Message texts are tokenized apart from the template, so that `<|end|>` typed by a user stays plain text.
 */
export function createPromptRenderer(library: Library, model: LlamaModel): PromptRenderer {
  const wrapper = chatWrapperOf(library, model);
  return {
    render(messages) {
      const {contextText, stopGenerationTriggers} = wrapper.generateContextState({chatHistory: toHistory(messages)});
      const ends = stopGenerationTriggers.map((trigger) => ({
        tokens: trigger.tokenize(model.tokenizer),
        text: plainText(trigger),
      }));
      return {
        tokens: contextText.tokenize(model.tokenizer),
        endTokens: new Set(ends.flatMap(({tokens}) => (tokens.length === 1 ? tokens : []))),
        endTexts: ends.flatMap(({tokens, text}) => (tokens.length > 1 && text !== '' ? [text] : [])),
      };
    },
  };
}

function chatWrapperOf(library: Library, model: LlamaModel): ChatWrapper {
  const template = model.fileInfo.metadata.tokenizer?.chat_template;
  if (template !== undefined && template.trim() !== '') {
    try {
      return new library.JinjaTemplateChatWrapper({
        template,
        tokenizer: model.tokenizer,
        // Tools aren't offered to the embedded engine; probing the template for them costs 200 ms at start.
        functionCallMessageTemplate: 'noJinja',
      });
    } catch {
      // A template that needs what this Jinja engine lacks: the library knows many formats by their tokens.
    }
  }
  return library.resolveChatWrapper(model, {warningLogs: false, noJinja: true});
}

function toHistory(messages: readonly ChatMessage[]): ChatHistoryItem[] {
  const history = messages.map(({role, content}): ChatHistoryItem => {
    if (role === 'system') return {type: 'system', text: content};
    if (role === 'assistant') return {type: 'model', response: [content]};
    return {type: 'user', text: content};
  });
  if (history.at(-1)?.type !== 'model') history.push({type: 'model', response: []});
  return history;
}

/** The text of a trigger that has no special token in it. */
function plainText(trigger: LlamaText): string {
  return trigger.values.every((value) => typeof value === 'string') ? trigger.values.join('') : '';
}
