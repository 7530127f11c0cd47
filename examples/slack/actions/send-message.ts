import { createAction } from 'causeway';
import * as z from 'zod';

/** https://docs.slack.dev/reference/methods/chat.postMessage: failures come with status 200 and ok: false. */
type SlackAnswer = { ok: true; channel: string; ts: string; warning?: string } | { ok: false; error: string; needed?: string; provided?: string };

export default createAction({
    description: 'Sends a message to a channel, or as an answer in a thread',
    scopes: ['chat:write'],
    input: z.object({
        channel: z.string().describe('a channel id, as in C0123456789'),
        text: z.string().min(1).max(40_000),
        thread_ts: z.string().optional().describe('the message to answer'),
        blocks: z.array(z.record(z.string(), z.unknown())).optional().describe('Block Kit; text is then what notifications show')
    }),
    output: z.object({ channel: z.string(), ts: z.string() }),

    exec: async (nango, input) => {
        const { data } = await nango.post<SlackAnswer>({
            endpoint: '/chat.postMessage',
            data: { channel: input.channel, text: input.text, thread_ts: input.thread_ts, blocks: input.blocks },
            // Slack may have posted a message whose answer was lost: trying again is left to who called.
            retries: 0
        });
        if (!data.ok) {
            throw new nango.ActionError({ code: data.error, message: `Slack answered: ${data.error}`, needed: data.needed });
        }
        return { channel: data.channel, ts: data.ts };
    }
});
