import { expect, it, vi } from 'vitest';

import files from '../syncs/files.js';

it('reads only the log of changes once all files were listed', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'changes', Model: 'File' });
    await nango.saveCheckpoint({ changes: '341', listed: true });
    nango.get = vi.fn().mockResolvedValueOnce({ data: { changes: [{ changeType: 'file', fileId: 'a', removed: true }], newStartPageToken: '342' } });

    await files.exec(nango);

    expect(nango.paginate).not.toHaveBeenCalled();
    expect(nango.get).toHaveBeenCalledTimes(1);
    expect(nango.get.mock.calls[0][0].params.pageToken).toBe('341');
    expect(nango.batchDelete).toHaveBeenCalledWith([{ id: 'a' }], 'File');
    expect(await nango.getCheckpoint()).toEqual({ changes: '342', listed: true });
});

it('lists again, from the same place in the log, when the listing was interrupted', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'changes', Model: 'File' });
    await nango.saveCheckpoint({ changes: '338', listed: false });
    nango.paginate = vi.fn(async function* () {
        yield [];
    });
    nango.get = vi.fn().mockResolvedValueOnce({ data: { changes: [], newStartPageToken: '339' } });

    await files.exec(nango);

    expect(nango.paginate).toHaveBeenCalledOnce();
    expect(nango.get.mock.calls[0][0].params.pageToken).toBe('338');
});
