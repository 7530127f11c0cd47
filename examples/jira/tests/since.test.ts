import { afterEach, expect, it, vi } from 'vitest';

import issues from '../syncs/issues.js';
import transition from '../actions/transition-issue.js';

afterEach(() => {
    vi.useRealTimers();
});

it('asks for so many minutes back, whatever the time zone', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-05T12:00:30.000Z') });
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'since', Model: 'Issue' });
    nango.getMetadata = vi.fn().mockResolvedValue({ project: 'ENG', cloud_id: 'site' });
    await nango.saveCheckpoint({ updated_at: '2026-01-05T11:00:00.000Z' });
    nango.paginate = vi.fn(async function* () {
        yield [];
    });

    await issues.exec(nango);

    expect(nango.paginate.mock.calls[0][0].params.jql).toBe('project = "ENG" AND updated >= "-62m" ORDER BY updated ASC');
    expect(await nango.getCheckpoint()).toEqual({ updated_at: '2026-01-05T11:00:00.000Z' });
});

it('says where an issue can go if it can not go where it should', async () => {
    const nango = new global.vitest.NangoActionMock({ dirname: __dirname, name: 'since', Model: '' });
    nango.getMetadata = vi.fn().mockResolvedValue({ project: 'ENG', cloud_id: 'site' });
    nango.get = vi.fn().mockResolvedValue({ data: { transitions: [{ id: '11', name: 'Start', to: { name: 'In Progress' } }] } });

    await expect(transition.exec(nango, { key: 'ENG-1', status: 'Done' })).rejects.toMatchObject({
        payload: { code: 'no_transition', possible: ['In Progress'] }
    });
    expect(nango.post).not.toHaveBeenCalled();
});
