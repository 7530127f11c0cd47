import { createSync } from 'causeway';
import * as z from 'zod';

import { checked } from '../answer.js';
import type { SlackAnswer } from '../answer.js';

const User = z.object({
    id: z.string(),
    name: z.string(),
    real_name: z.string().nullable(),
    email: z.string().nullable(),
    title: z.string().nullable(),
    time_zone: z.string().nullable(),
    is_admin: z.boolean(),
    is_bot: z.boolean(),
    updated_at: z.string()
});

/** https://docs.slack.dev/reference/objects/user-object: fields that a deactivated user or the scopes leave out are optional. */
interface SlackUser {
    id: string;
    name: string;
    deleted: boolean;
    tz?: string;
    is_admin?: boolean;
    is_bot?: boolean;
    updated: number;
    profile: { real_name?: string; email?: string; title?: string };
}

function toUser(user: SlackUser): z.infer<typeof User> {
    return {
        id: user.id,
        name: user.name,
        real_name: user.profile.real_name || null,
        email: user.profile.email || null,
        title: user.profile.title || null,
        time_zone: user.tz ?? null,
        is_admin: user.is_admin ?? false,
        is_bot: user.is_bot ?? false,
        updated_at: new Date(user.updated * 1000).toISOString()
    };
}

export default createSync({
    description: 'Copies the users of the workspace; those who were deactivated are deleted',
    frequency: 'every hour',
    autoStart: true,
    scopes: ['users:read', 'users:read.email'],
    models: { User },

    exec: async (nango) => {
        await nango.trackDeletesStart('User');
        let cursor = '';
        // Not with paginate: a failure that comes with status 200 would look like the end of the list, and everybody like gone.
        do {
            const { data } = await nango.get<SlackAnswer<{ members: SlackUser[]; response_metadata?: { next_cursor?: string } }>>({
                // https://docs.slack.dev/reference/methods/users.list
                endpoint: '/users.list',
                params: { limit: 200, ...(cursor && { cursor }) },
                retries: 5
            });
            const page = checked(nango, data);
            await nango.batchSave(page.members.filter((user) => !user.deleted).map(toUser), 'User');
            cursor = page.response_metadata?.next_cursor ?? '';
        } while (cursor);
        await nango.trackDeletesEnd('User');
    }
});
