import { createAction } from 'causeway';
import * as z from 'zod';

const Note = z.object({
    contact_id: z.string().regex(/^\d+$/),
    text: z.string().min(1).max(65_536).describe('HTML is allowed'),
    at: z.iso.datetime().optional().describe('where the note stands in the timeline; now if left out')
});

/** https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values */
const noteToContact = 202;

export default createAction({
    description: 'Adds a note to the timeline of a contact',
    scopes: ['crm.objects.contacts.write'],
    input: Note,
    output: z.object({ id: z.string(), created_at: z.string() }),

    exec: async (nango, input) => {
        const { data: note } = await nango.zodValidateInput({ zodSchema: Note, input });
        const { data: created } = await nango.post<{ id: string; createdAt: string }>({
            // https://developers.hubspot.com/docs/api-reference/crm-notes-v3/guide
            endpoint: '/crm/v3/objects/notes',
            data: {
                properties: { hs_timestamp: note.at ?? new Date().toISOString(), hs_note_body: note.text },
                associations: [
                    { to: { id: note.contact_id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: noteToContact }] }
                ]
            }
        });
        return { id: created.id, created_at: created.createdAt };
    }
});
