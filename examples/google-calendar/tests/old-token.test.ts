import { expect, it, vi } from 'vitest';

import events from '../syncs/events.js';

it('reads everything when the sync token has grown old', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'old-token', Model: 'Event' });
    nango.getMetadata = vi.fn().mockResolvedValue({ calendar_id: 'team' });
    await nango.saveCheckpoint({ sync_token: 'old' });
    const gone = Object.assign(new Error('Request failed with status code 410'), { response: { status: 410 } });
    nango.get = vi.fn().mockRejectedValueOnce(gone).mockResolvedValueOnce({ data: { items: [], nextSyncToken: 'new' } });

    await events.exec(nango);

    expect(nango.get.mock.calls.map(([call]) => call.params)).toEqual([{ maxResults: 2500, syncToken: 'old' }, { maxResults: 2500 }]);
    expect(nango.trackDeletesEnd).toHaveBeenCalledWith('Event');
    expect(await nango.getCheckpoint()).toEqual({ sync_token: 'new' });
});

it('lets other failures through, and keeps its token', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'old-token', Model: 'Event' });
    nango.getMetadata = vi.fn().mockResolvedValue(null);
    await nango.saveCheckpoint({ sync_token: 'old' });
    nango.get = vi.fn().mockRejectedValue(Object.assign(new Error('Request failed with status code 403'), { response: { status: 403 } }));

    await expect(events.exec(nango)).rejects.toThrow('403');

    expect(nango.trackDeletesStart).not.toHaveBeenCalled();
    expect(await nango.getCheckpoint()).toEqual({ sync_token: 'old' });
});
