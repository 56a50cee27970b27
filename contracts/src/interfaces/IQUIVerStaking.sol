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

    function stake(uint256 amount, bool isProvider) external;
    function stakeWithPermit(uint256 amount, bool isProvider, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
    function requestUnstake(uint256 amount) external;
    function withdraw() external returns (uint256 amount);

    function fundRewards(uint256 amount, uint256 duration) external;
    function claimRewards() external returns (uint256 amount);
    function setAutoCompound(bool enabled) external;
    function compoundFor(address account) external returns (uint256 compounded, uint256 fee);

    function proposeSlash(address account, Violation violation, bytes32[] calldata digests)
        external
        returns (bytes32 evidenceId);
    function disputeSlash(bytes32 evidenceId) external;
    function executeSlash(address account, bytes32 evidenceId) external returns (uint256 amount);
    function resolveSlash(address account, bytes32 evidenceId, bool guilty) external returns (uint256 amount);
    function lapseSlash(address account, bytes32 evidenceId) external;

    function pause() external;
    function unpause() external;

    function token() external view returns (address);
    function pendingRewards(address account) external view returns (uint256);
    function accountInfo(address account) external view returns (AccountInfo memory);
    function poolInfo() external view returns (PoolInfo memory);
    function tierOf(address account) external view returns (uint8);
    function tiers() external pure returns (Tier[] memory);
    function report(address account, bytes32 evidenceId) external view returns (ReportInfo memory);
    function evidenceIdOf(address account, Violation violation, bytes32[] calldata digests)
        external
        pure
        returns (bytes32);
    function slashedBps(address account, uint256 epoch) external view returns (uint256);
}
