import { createAction } from 'causeway';
import * as z from 'zod';

import { api, refused } from '../api.js';

const Move = z.object({
    opportunity_id: z.string().regex(/^[a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?$/),
    stage: z.string().min(1).describe('as it is called in the organisation, such as "Closed Won"'),
    close_date: z.iso.date().optional()
});

export default createAction({
    description: 'Moves an opportunity to another stage',
    scopes: ['api'],
    input: Move,
    output: z.object({ id: z.string(), stage: z.string(), probability: z.number().nullable(), closed: z.boolean(), won: z.boolean() }),

    exec: async (nango, input) => {
        const { data: move } = await nango.zodValidateInput({ zodSchema: Move, input });
        const endpoint = `${api}/sobjects/Opportunity/${move.opportunity_id}`;
        try {
            // https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_update_fields.htm: the answer is empty.
            await nango.patch({ endpoint, data: { StageName: move.stage, CloseDate: move.close_date }, retries: 3 });
            const { data } = await nango.get<{ Id: string; StageName: string; Probability: number | null; IsClosed: boolean; IsWon: boolean }>({
                endpoint,
                params: { fields: 'Id,StageName,Probability,IsClosed,IsWon' },
                retries: 3
            });
            return { id: data.Id, stage: data.StageName, probability: data.Probability, closed: data.IsClosed, won: data.IsWon };
        } catch (err) {
            throw refused(nango, err);
        }
    }
});
