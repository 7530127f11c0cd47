import { createAction } from 'causeway';
import * as z from 'zod';

import { headers } from '../version.js';

const Note = z.object({
    contact_id: z.string().min(1),
    body: z.string().min(1),
    admin_id: z.string().optional().describe('the teammate who writes it')
});

export default createAction({
    description: 'Adds a note to a contact',
    input: Note,
    output: z.object({ id: z.string(), created_at: z.string() }),

    exec: async (nango, input) => {
        const { data: note } = await nango.zodValidateInput({ zodSchema: Note, input });
        const { data: created } = await nango.post<{ id: string; created_at: number }>({
            // https://developers.intercom.com/docs/references/2.11/rest-api/api.intercom.io/notes/createnote
            endpoint: `/contacts/${encodeURIComponent(note.contact_id)}/notes`,
            headers,
            data: { body: note.body, admin_id: note.admin_id }
        });
        return { id: created.id, created_at: new Date(created.created_at * 1000).toISOString() };
    }
});
