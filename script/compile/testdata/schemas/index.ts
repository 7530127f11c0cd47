import './a/syncs/x.js';
