import { createAction } from 'causeway';
import * as z from 'zod';

import { checked } from '../answer.js';
import type { SlackAnswer } from '../answer.js';

const Message = z.object({
    channel: z.string().min(1).describe('a channel id, as in C0123456789'),
    text: z.string().min(1).max(40_000),
    thread_ts: z.string().optional().describe('the message to answer'),
    blocks: z.array(z.record(z.string(), z.unknown())).optional().describe('Block Kit; text is then what notifications show')
});

export default createAction({
    description: 'Sends a message to a channel, or as an answer in a thread',
    scopes: ['chat:write'],
    input: Message,
    output: z.object({ channel: z.string(), ts: z.string() }),

    exec: async (nango, input) => {
        const { data: message } = await nango.zodValidateInput({ zodSchema: Message, input });
        const { data } = await nango.post<SlackAnswer<{ channel: string; ts: string }>>({
            // https://docs.slack.dev/reference/methods/chat.postMessage
            endpoint: '/chat.postMessage',
            data: { channel: message.channel, text: message.text, thread_ts: message.thread_ts, blocks: message.blocks },
            // Slack may have posted a message whose answer was lost: trying again is left to who called.
            retries: 0
        });
        const { channel, ts } = checked(nango, data);
        return { channel, ts };
    }
});
