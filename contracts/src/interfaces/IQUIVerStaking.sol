// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Staking of QUIV: tiers, rewards, unbonding and slashing
/// @notice Amounts are base units of QUIV (18 decimals), times are seconds, shares are basis points.
interface IQUIVerStaking {
    /// What a report says. The order is part of the ABI.
    enum Violation {
        /// Answers that failed a canary: one digest for each failed answer.
        CanaryFailures,
        /// Two different signed records that exclude one another: the digests of both.
        Equivocation
    }

    enum ReportStatus {
        None,
        Open,
        Disputed,
        Executed,
        Cancelled,
        Lapsed
    }

    struct AccountInfo {
        uint256 staked;
        uint256 unbonding;
        /// When `unbonding` can be withdrawn, unless a report holds it until `withdrawableAt`.
        uint256 unlockAt;
        uint256 withdrawableAt;
        uint256 pendingRewards;
        uint256 weight;
        uint8 tier;
        bool isProvider;
        bool autoCompound;
        uint256 compoundableAt;
        uint256 openReports;
        uint256 holdUntil;
    }

    struct PoolInfo {
        uint256 totalStaked;
        uint256 totalWeight;
        uint256 reserve;
        uint256 ratePerSecond;
        uint256 endsAt;
        uint256 index;
        bool paused;
    }

    struct Tier {
        uint256 minimumStake;
        uint256 weightBps;
    }

    struct ReportInfo {
        ReportStatus status;
        address reporter;
        uint256 proposedAt;
        uint256 disputableUntil;
        uint256 lapsesAt;
        uint256 base;
        uint256 penaltyBps;
    }

    event Staked(address indexed account, uint256 amount, uint256 staked, bool isProvider);
    event TierChanged(address indexed account, uint8 tier);
    event UnstakeRequested(address indexed account, uint256 amount, uint256 unbonding, uint256 unlockAt);
    event Withdrawn(address indexed account, uint256 amount);
    event RewardsFunded(address indexed funder, uint256 amount, uint256 reserve, uint256 endsAt);
    event RewardsClaimed(address indexed account, uint256 amount);
    event RewardsCompounded(address indexed account, address indexed keeper, uint256 amount, uint256 fee);
    event AutoCompoundSet(address indexed account, bool enabled);
    event SlashProposed(
        address indexed account,
        bytes32 indexed evidenceId,
        address indexed reporter,
        Violation violation,
        bytes32[] digests,
        uint256 base,
        uint256 penaltyBps
    );
    event SlashDisputed(address indexed account, bytes32 indexed evidenceId);
    event SlashExecuted(
        address indexed account, bytes32 indexed evidenceId, uint256 amount, uint256 toReporter, uint256 burned
    );
    event SlashCancelled(address indexed account, bytes32 indexed evidenceId, uint256 bond);
    event SlashLapsed(address indexed account, bytes32 indexed evidenceId, uint256 bond);
    event Paused(address by);
    event Unpaused(address by);

    error ZeroAmount();
    error NotAContract(address account);
    error DepositsPaused();
    error StakeTooSmall(uint256 staked, uint256 minimum);
    error StakeInsufficient(uint256 requested, uint256 staked);
    error TransferMismatch(uint256 expected, uint256 received);
    error NothingToWithdraw();
    error StillUnbonding(uint256 unlockAt);
    error WithdrawOnHold(uint256 until);
    error NoRewards();
    error AutoCompoundOff(address account);
    error CompoundTooSoon(uint256 compoundableAt);
    error NothingToSlash(address account);
    error SelfReport();
    error WrongDigestCount(uint256 count, uint256 minimum, uint256 maximum);
    error DigestsNotAscending(uint256 index);
    error ViolationUsed(bytes32 evidenceId);
    error ReportNotOpen(bytes32 evidenceId, ReportStatus status);
    error DisputeWindowClosed(uint256 closedAt);
    error DisputeWindowOpen(uint256 until);
    error ReportDisputed(bytes32 evidenceId);
    error ReportHasLapsed(uint256 lapsedAt);
    error ReportNotLapsed(uint256 lapsesAt);
    error WrongToken(address token);

    /// @notice Stakes, or adds to a stake. Needs an allowance of `amount`; the stake must come to at least Bronze.
    /// @param isProvider whether the account serves models from now on, whatever it said before
    function stake(uint256 amount, bool isProvider) external;

    /// @notice As `stake`, with the allowance given by a signature (ERC-2612). A permit that somebody else has used
    ///         already does no harm.
    function stakeWithPermit(uint256 amount, bool isProvider, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Takes `amount` out of the stake; it can be withdrawn after fourteen days and earns nothing meanwhile.
    ///         What is unbonding already waits the fourteen days again. Never paused.
    function requestUnstake(uint256 amount) external;

    /// @notice Pays out all that has finished unbonding. Never paused; a report holds it, but no longer than ten days
    ///         after it was due.
    function withdraw() external returns (uint256 amount);

    /// @notice Pays into the reserve that rewards come from; anyone may. The schedule then runs for the mean of its
    ///         rest and `duration`, weighted by the amounts. Refused where the rate of release would fall.
    function fundRewards(uint256 amount, uint256 duration) external;

    /// @notice Pays out all rewards of the caller. Never paused.
    function claimRewards() external returns (uint256 amount);

    /// @notice Lets keepers compound for the caller, once a day at most, or no longer.
    function setAutoCompound(bool enabled) external;

    /// @notice Adds an account's rewards to its stake. The account itself may always; others where it has allowed it,
    ///         for one per cent of the rewards, at most 5 QUIV, that are booked as rewards of theirs.
    function compoundFor(address account) external returns (uint256 compounded, uint256 fee);

    /// @notice Reports `account`, with a bond of 100 QUIV that comes back unless the arbiter cancels the report.
    /// @param digests strictly ascending: of 1 to 20 failed answers, or of the two records that exclude one another
    function proposeSlash(address account, Violation violation, bytes32[] calldata digests)
        external
        returns (bytes32 evidenceId);

    /// @notice Takes the report on the caller to the arbiter, within three days.
    function disputeSlash(bytes32 evidenceId) external;

    /// @notice Carries out a report that was not disputed in its three days. Anyone may.
    function executeSlash(address account, bytes32 evidenceId) external returns (uint256 amount);

    /// @notice The arbiter's decision on a report, disputed or not. The bond of a cancelled one goes to the accused,
    ///         and its evidence may be brought again.
    function resolveSlash(address account, bytes32 evidenceId, bool guilty) external returns (uint256 amount);

    /// @notice Gives the bond of a report back that nobody has decided in ten days. Anyone may.
    function lapseSlash(address account, bytes32 evidenceId) external;

    /// @notice Stops deposits: stake, fund, compound. The guardian's.
    function pause() external;

    /// @notice Lets deposits in again. The multisig's.
    function unpause() external;

    function token() external view returns (address);

    /// @notice All that `claimRewards` would pay now.
    function pendingRewards(address account) external view returns (uint256);
    function accountInfo(address account) external view returns (AccountInfo memory);
    function poolInfo() external view returns (PoolInfo memory);

    /// @return 0 for none, 1 Bronze, 2 Silver, 3 Gold, 4 Platinum
    function tierOf(address account) external view returns (uint8);

    /// @return from Bronze to Platinum
    function tiers() external pure returns (Tier[] memory);
    function report(address account, bytes32 evidenceId) external view returns (ReportInfo memory);
    function evidenceIdOf(address account, Violation violation, bytes32[] calldata digests)
        external
        pure
        returns (bytes32);

    /// @param epoch time of the reports divided by seven days
    /// @return what those reports have taken, base units
    function slashedInEpoch(address account, uint256 epoch) external view returns (uint256);
}
