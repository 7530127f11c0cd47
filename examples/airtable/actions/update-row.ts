import { createAction } from 'causeway';
import * as z from 'zod';

import { Fields, Row, Table, tablePath, toRow } from '../table.js';
import type { AirtableRecord } from '../table.js';

const Change = z.object({
    id: z.string().startsWith('rec'),
    fields: Fields.describe('those that change; null empties one'),
    typecast: z.boolean().default(false)
});

export default createAction({
    description: 'Changes fields of a row',
    scopes: ['data.records:write'],
    metadata: Table,
    input: Change,
    output: Row,

    exec: async (nango, input) => {
        const { data: change } = await nango.zodValidateInput({ zodSchema: Change, input });
        const table = Table.safeParse(await nango.getMetadata());
        if (!table.success) {
            throw new nango.ActionError({ code: 'missing_table', message: 'The metadata of the connection needs "base_id" and "table"' });
        }
        const { data: record } = await nango.patch<AirtableRecord>({
            // https://airtable.com/developers/web/api/update-record
            endpoint: `${tablePath(table.data)}/${change.id}`,
            data: { fields: change.fields, typecast: change.typecast },
            retries: 3
        });
        return toRow(record);
    }
});
