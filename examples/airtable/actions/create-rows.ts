import { createAction } from 'causeway';
import * as z from 'zod';

import { Fields, Row, Table, tablePath, toRow } from '../table.js';
import type { AirtableRecord } from '../table.js';

const NewRows = z.object({
    rows: z.array(Fields).min(1).max(500),
    typecast: z.boolean().default(false).describe('let Airtable turn texts into what the fields want, and add options to selections')
});

/** https://airtable.com/developers/web/api/create-records takes no more at once. */
const most = 10;

export default createAction({
    description: 'Adds rows to the table of the connection',
    scopes: ['data.records:write'],
    metadata: Table,
    input: NewRows,
    output: z.object({ rows: z.array(Row) }),

    exec: async (nango, input) => {
        const { data } = await nango.zodValidateInput({ zodSchema: NewRows, input });
        const table = Table.safeParse(await nango.getMetadata());
        if (!table.success) {
            throw new nango.ActionError({ code: 'missing_table', message: 'The metadata of the connection needs "base_id" and "table"' });
        }
        const rows: z.infer<typeof Row>[] = [];
        for (let at = 0; at < data.rows.length; at += most) {
            const { data: created } = await nango.post<{ records: AirtableRecord[] }>({
                endpoint: tablePath(table.data),
                data: { records: data.rows.slice(at, at + most).map((fields) => ({ fields })), typecast: data.typecast },
                // A call that was turned away at the gate has added nothing.
                retries: 0
            });
            rows.push(...created.records.map(toRow));
        }
        return { rows };
    }
});
