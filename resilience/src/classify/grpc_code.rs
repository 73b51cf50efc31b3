//! The status codes of gRPC.

/// A status of gRPC.
///
/// ```
/// use resilience::classify::GrpcCode;
///
/// assert_eq!(GrpcCode::Unavailable as u8, 14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GrpcCode {
    /// The call did what it should.
    Ok = 0,
    /// The call was cancelled, as a rule by its caller.
    Cancelled = 1,
    /// Something went wrong that has no code of its own; also whatever code is not known.
    Unknown = 2,
    /// The caller's argument makes no sense, whatever the state of the system.
    InvalidArgument = 3,
    /// The deadline passed before the call was done.
    DeadlineExceeded = 4,
    /// Something that was asked for does not exist.
    NotFound = 5,
    /// Something that was to be made exists already.
    AlreadyExists = 6,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// Something is used up: a quota, or the space on a disk.
    ResourceExhausted = 8,
    /// The system is not in the state that the call needs.
    FailedPrecondition = 9,
    /// The call was aborted, as a rule because another one was faster.
    Aborted = 10,
    /// The call went past the end of something.
    OutOfRange = 11,
    /// The method is not there.
    Unimplemented = 12,
    /// Something that must never happen happened.
    Internal = 13,
    /// The service is not available at the moment.
    Unavailable = 14,
    /// Data is lost, or damaged for good.
    DataLoss = 15,
    /// The caller did not say, or not prove, who it is.
    Unauthenticated = 16,
}

impl GrpcCode {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// What the value of `grpc-status` says: a decimal number without leading zeros. Whatever else it is, is
    /// [`Unknown`](Self::Unknown), as gRPC itself has it.
    ///
    /// ```
    /// use resilience::classify::GrpcCode;
    ///
    /// assert_eq!(GrpcCode::from_bytes(b"14"), GrpcCode::Unavailable);
    /// assert_eq!(GrpcCode::from_bytes(b"99"), GrpcCode::Unknown);
    /// assert_eq!(GrpcCode::from_bytes(b"fine"), GrpcCode::Unknown);
    /// ```
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Self {
        let number = match value {
            [ones @ b'0'..=b'9'] => ones - b'0',
            [b'1', ones @ b'0'..=b'9'] => 10 + (ones - b'0'),
            _ => return Self::Unknown,
        };
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unknown)
    }

    /// The code's bit in a set of codes.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// The codes in such a set.
    pub(super) fn all_in(set: u32) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |code| set & code.bit() != 0)
    }
}
