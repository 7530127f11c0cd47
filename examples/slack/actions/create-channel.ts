import { createAction } from 'causeway';
import * as z from 'zod';

import { checked } from '../answer.js';
import type { SlackAnswer } from '../answer.js';

const NewChannel = z.object({
    name: z
        .string()
        .regex(/^[\p{Ll}\p{Lo}\d_-]{1,80}$/u, 'lower-case letters, digits, - and _; at most 80')
        .describe('without #'),
    private: z.boolean().optional(),
    members: z.array(z.string()).max(100).optional().describe('ids of users who are invited')
});

interface Channel {
    id: string;
    name: string;
    is_private: boolean;
}

export default createAction({
    description: 'Creates a channel and invites users to it',
    scopes: ['channels:manage', 'groups:write'],
    input: NewChannel,
    output: z.object({ id: z.string(), name: z.string(), private: z.boolean() }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: NewChannel, input });
        const created = await nango.post<SlackAnswer<{ channel: Channel }>>({
            // https://docs.slack.dev/reference/methods/conversations.create
            endpoint: '/conversations.create',
            data: { name: data.name, is_private: data.private ?? false }
        });
        const { channel } = checked(nango, created.data);

        if (data.members?.length) {
            const invited = await nango.post<SlackAnswer<{ channel: Channel }>>({
                // https://docs.slack.dev/reference/methods/conversations.invite
                endpoint: '/conversations.invite',
                data: { channel: channel.id, users: data.members.join(',') },
                retries: 3
            });
            checked(nango, invited.data);
        }
        return { id: channel.id, name: channel.name, private: channel.is_private };
    }
});
