import { expect, it, vi } from 'vitest';

import pages from '../syncs/pages.js';

const page = (id: string, last_edited_time: string) => ({
    id,
    url: `https://www.notion.so/${id}`,
    parent: { type: 'workspace' },
    properties: {},
    created_time: '2026-01-01T00:00:00.000Z',
    last_edited_time
});

it('stops at what it knows, and reads the minute of its checkpoint again', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'known', Model: 'Page' });
    await nango.saveCheckpoint({ edited: '2026-01-02T10:00:00.000Z' });
    let asked = 0;
    nango.paginate = vi.fn(async function* () {
        asked++;
        yield [page('c', '2026-01-03T10:00:00.000Z'), page('b', '2026-01-02T10:00:00.000Z'), page('a', '2026-01-02T09:59:00.000Z')];
        asked++;
        yield [];
    });

    await pages.exec(nango);

    expect(nango.batchSave.mock.calls.flatMap(([records]) => records.map(({ id }) => id))).toEqual(['c', 'b']);
    expect(asked).toBe(1);
    expect(await nango.getCheckpoint()).toEqual({ edited: '2026-01-03T10:00:00.000Z' });
});
