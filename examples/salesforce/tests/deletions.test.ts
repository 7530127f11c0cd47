import { expect, it, vi } from 'vitest';

import contacts from '../syncs/contacts.js';
import createContact from '../actions/create-contact.js';

it('deletes what lies in the recycle bin', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'deletions', Model: 'Contact' });
    await nango.saveCheckpoint({ modified: '2026-01-02T03:04:05.000Z' });
    nango.paginate = vi.fn(async function* () {
        yield [{ Id: '003A', IsDeleted: true, LastName: 'Doe', CreatedDate: '2026-01-01T00:00:00.000+0000', SystemModstamp: '2026-01-04T00:00:00.000+0000' }];
    });

    await contacts.exec(nango);

    expect(nango.paginate.mock.calls[0][0].params.q).toContain('WHERE SystemModstamp >= 2026-01-02T03:04:05.000Z ORDER BY');
    expect(nango.batchDelete).toHaveBeenCalledWith([{ id: '003A' }], 'Contact');
    expect(await nango.getCheckpoint()).toEqual({ modified: '2026-01-04T00:00:00.000Z' });
});

it("tells the caller Salesforce's own reason", async () => {
    const nango = new global.vitest.NangoActionMock({ dirname: __dirname, name: 'deletions', Model: '' });
    const data = [{ errorCode: 'DUPLICATES_DETECTED', message: 'Use one of these records?', fields: [] }];
    nango.post = vi.fn().mockRejectedValue(Object.assign(new Error('Request failed with status code 400'), { response: { status: 400, data } }));

    await expect(createContact.exec(nango, { last_name: 'Doe' })).rejects.toMatchObject({ payload: { code: 'duplicates_detected' } });
});
