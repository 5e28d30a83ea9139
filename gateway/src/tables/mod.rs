//! What workers read and the control thread writes.
