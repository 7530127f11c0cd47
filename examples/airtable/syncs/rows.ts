import { createSync } from 'causeway';

import { Row, Table, tablePath, toRow } from '../table.js';
import type { AirtableRecord } from '../table.js';

export default createSync({
    description: 'Copies all rows of a table, and marks those that are gone as deleted',
    frequency: 'every hour',
    autoStart: true,
    scopes: ['data.records:read'],
    metadata: Table,
    models: { Row },

    exec: async (nango) => {
        const table = Table.safeParse(await nango.getMetadata());
        if (!table.success) {
            throw new Error('The metadata of the connection needs "base_id" and "table"');
        }
        // Airtable tells neither what was deleted nor, without a field for it, what has changed: so all rows are read. Its offsets are those of
        // one listing and grow old, so an interrupted run begins anew.
        await nango.trackDeletesStart('Row');
        const pages = nango.paginate<AirtableRecord>({
            endpoint: tablePath(table.data),
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'offset',
                cursor_path_in_response: 'offset',
                limit_name_in_request: 'pageSize',
                limit: 100,
                response_path: 'records'
            },
            retries: 5
        });
        for await (const page of pages) {
            await nango.batchSave(page.map(toRow), 'Row');
        }
        await nango.trackDeletesEnd('Row');
    }
});
